"""Deleting one's account: asked for, taken back, carried out after two weeks."""
