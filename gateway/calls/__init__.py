"""The live calls: events from the adapters go in, decisions of `core` are carried out through `core.ports`.

`exchange` is the face to people's tools (`core.control.Control`) · `reception` takes INVITEs, `intake` tells
what they want, `admission` refuses what is too much · `runner` keeps calls going, `carrying` executes their
actions · `summons` and `alarms` ring floorwalkers about alerts · `newsroom` tells watchers. Everything runs
on the asyncio loop's thread, except `admission.refuse_when`.
"""
