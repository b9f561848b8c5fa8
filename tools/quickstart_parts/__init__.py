"""What tools/quickstart.py is made of: steps that are not done twice, and their report."""
