"""PJSIP as the gateway needs it: getting the source, building it, and saying what is installed.

The ready wheel carries 4 call legs, a compile-time constant. This package builds PJSIP with room for
thousands and puts the module `pjsua2` into the running Python's site-packages; the result is kept in a cache,
so that the next set-up takes seconds.

`options`    what to build: capacities, switches, cache key (pure); `patches` what is changed in PJSIP's
source
`checksums`  which source is trusted; `source` where it comes from, by `upstream` and `debian`; `unpack`
`build`      the steps, with `toolchain`, `run`, `progress`; `cache` what was built before; `install`
`info`       what is installed; `cli` the commands
"""

from gateway.pjsip.info import PjsipInfo, pjsip_info

__all__ = ["PjsipInfo", "pjsip_info"]
