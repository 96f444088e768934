"""Sites behind one meter each: loads, photovoltaics and a battery under a stated tariff."""
