"""What runs in the environments of peers: scripts that read Parquet, fit, write scores; no intentml there."""
