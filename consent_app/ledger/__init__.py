"""What was collected from me: hourly counts of the devices, their cost, what was undeclared."""
