"""From a frame to a reading. Pure: no driver, no store, no network."""
