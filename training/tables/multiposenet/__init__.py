"""Tables 1 to 5 of MultiPoseNet, the paper's figures beside ours."""
