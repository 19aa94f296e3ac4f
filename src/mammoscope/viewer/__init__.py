"""The reading room: a local server that shows studies in a browser and keeps what readers say.

Its pages are TypeScript in ``viewer/`` at the root of the repository, built by
``scripts/build-viewer`` into ``static/``.
"""
