"""EMR's JSON protocol: who may ask, what is asked, how the records look in EMR's words."""
