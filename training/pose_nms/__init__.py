"""The parameters of RMPE's pose NMS, learnt for average precision."""
