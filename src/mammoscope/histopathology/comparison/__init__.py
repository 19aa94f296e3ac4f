"""Six methods compared on stained breast tissue, and the training of the shipped one.

``setup`` says what is compared on what; ``splits`` deals images and patients out; ``methods`` has a
class for each method; ``benchmark`` lets all of them predict all images; ``figures`` measures them,
``table`` and ``chart`` show it; ``shipped`` trains ours on everybody and exports it. ``fields`` are
the images in memory, ``features`` the hand-made ones, ``networks`` and ``pictures`` what networks
are and see, ``starts`` where they start, ``config`` their settings.
"""
