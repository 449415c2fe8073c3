"""Who did what, when, on which call, from where, for how long: append-only, and every change to it shows.

Each node of the gateway has its own chain in the store. A record's hash is the SHA-256 of the hash before it
and the record in canonical JSON; every hash, and the chain's end, is signed with the node's Ed25519 key,
which lies in a file and not in the database. So whoever can write the database but not read that file can
change, remove, add or reorder nothing that `verifying` does not find, and say where. What the database alone
cannot tell is that it was put back, as a whole, to an earlier state: for that the end of the chain is also
logged, and `gateway trail verify --expect` holds it against what was noted elsewhere.

**Written before permitted.** A supervisor who wants to join and a listener who wants a stream are let in only
when the record that they asked for it is committed (`Writer.commit`); where it cannot be committed within
`COMMIT_S` they are refused, and so is everybody after them until the trail can be written again. What comes
later (joined, mode, left and after how long) is written behind the fact, in order, from the news: while the
store is down it waits in memory, up to `QUEUE` records, and in a file that outlives the process (`waiting`).
Those who are on a call already stay there and may
change their mode, since the patient may have nobody else; a floorwalker whom an alert rings comes on, too,
since an alert outranks the trail: the news `supervision.unrecorded` tells of it at once. Calls never wait.

`record` and `verifying` are the form, `chain` appends and prunes, `writer` is the queue, `waiting` keeps what
the store does not take, `recorder` turns news into records, `configuration` tells what changed in the
configuration, `cli` is `gateway trail`.
"""
