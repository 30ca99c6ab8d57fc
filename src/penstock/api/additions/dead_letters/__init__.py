"""Messages of a bus that nobody could take: what they are and why, and sending them back."""
