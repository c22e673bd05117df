"""The stages of training, one file each: which parts learn, from what, by which loss."""
