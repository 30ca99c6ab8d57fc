"""What `penstock doctor` looks at: the machine, a server, a store and what is in it."""
