"""What the decision needs to know about second factors."""
