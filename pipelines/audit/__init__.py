"""What a run's judges can be believed in: their biases, their agreement, what fools them."""
