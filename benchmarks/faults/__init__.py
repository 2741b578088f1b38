"""What is done to the shop while it sells, and whether it kept every promise; docs/faults.md."""
