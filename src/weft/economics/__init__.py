"""What a fabric costs to buy and to run."""
