"""From an app to the browser and back: what the app cannot do itself is done on a page of ours (D26)."""
