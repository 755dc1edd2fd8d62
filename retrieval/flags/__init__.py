"""What operators switch while the service runs, and how every surface obeys at the next request."""
