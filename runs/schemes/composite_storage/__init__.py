"""Houses with photovoltaics, heat pump, battery and thermal tank."""
