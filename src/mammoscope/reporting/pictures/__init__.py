"""Pictures of results: overlays, previews, close-ups."""
