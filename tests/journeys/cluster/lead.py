"""Leads traffic by hand: `lead.py ADDRESS NUMBER WEIGHTS WITHIN_S`; waits until it is so and prints the shares."""

import json
import sys
import time
from contextlib import suppress

from windsock.release.place import open_traffic
from windsock.release.traffic import OvertakenError, Wanted

if __name__ == "__main__":
    traffic, wanted = open_traffic(sys.argv[1]), Wanted(int(sys.argv[2]), json.loads(sys.argv[3]))
    bring = traffic.finalize if sum(share > 0 for share in wanted.weights.values()) == 1 else traffic.set_weights
    within_s = float(sys.argv[4])
    give_up_at = time.monotonic() + within_s
    while missing := traffic.ready(wanted):
        if time.monotonic() > give_up_at:
            sys.exit(f"not ready after {within_s:.0f} s: {missing}")
        # KServe's controller may have written meanwhile; the next look says what is still missing.
        with suppress(OvertakenError):
            bring(wanted)
        time.sleep(1)
    print(json.dumps(traffic.get_weights()))
