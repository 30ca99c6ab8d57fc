"""Files in folders of the machine, and of SFTP servers."""
