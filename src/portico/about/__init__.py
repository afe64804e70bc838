"""What Portico says about itself: the help page, the reference of the JSON API, the deployment's public facts."""
