"""The configuration: a typed, frozen model of one TOML file, its loading, and `gateway check`.

`model` says what may be configured and is what other packages import; `fields` has its field types; `loading`
reads a file into it and reports every mistake at once; `crosscheck` finds what only shows when sections are
seen together; `mistakes` puts mistakes into words; `check` prints them; `people` finds users and advisors by
the names that phones and browsers know them under.
"""
