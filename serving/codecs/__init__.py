"""The ways a request is read and an answer written; what is asked is the same for all of them."""
