"""How the network is made: scenes → train → export → evaluate. Nothing here runs on the device."""
