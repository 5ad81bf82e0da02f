"""What leaves the instrument: objects that every clinic system reads, and the way they take to the clinic's server."""
