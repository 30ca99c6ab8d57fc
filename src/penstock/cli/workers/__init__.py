"""What `penstock worker run` needs besides the workers: FEEL for their files, and as many processes as there is work for."""
