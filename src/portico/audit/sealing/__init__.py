"""Sealing: the chains that prove the trail unaltered, who makes them, and who checks them."""
