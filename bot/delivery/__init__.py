"""How updates come in and messages go out, so that none is lost and none is sent twice without need."""
