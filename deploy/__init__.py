"""From the model store to a running container: Bento, image, manifests."""
