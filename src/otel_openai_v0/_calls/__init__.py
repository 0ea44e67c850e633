"""The life of one call: started, current, recorded, ended."""
