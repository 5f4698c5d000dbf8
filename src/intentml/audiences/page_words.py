"""What the docs page of the presets says around its tables.

What comes in: nothing. What goes out: Markdown text, which `page` puts together with the presets. Its blocks
are tried by tests: the YAML is read, the commands are parsed, the Python runs.
"""

HEADER = """# Audiences

Made by `presets_page()` from the presets and `audiences/page.py`; a test holds it up to date.

A file of this folder is an audience of the shop's own, named after the file:

```yaml
title: Lost VIPs
about: >-
  The best customers of the past who do not come back.
rule: >-
  importance = vip AND lifecycle = lost AND NOT purchased(brand = 'Nike', last 90 days)
```

`holdout: 0.2` beside them keeps a fifth of the members, the same ones every day, from being contacted:
`members`, `refresh`, `diff` and `as-of` mark them, and `lift` compares the others with them.

`refresh` stores who is in, in a ledger: a DuckDB file, or a database. `diff` tells who entered and left in
the newest refresh, or between two times. Who acts on the changes asks under a name of its own, and gets each
of them once, however often the audience was refreshed in between and wherever it was cut off:

```bash
intentml audience refresh scores --ledger shop.ledger
intentml audience diff vip-lost scores --ledger shop.ledger --consumer mail --json
intentml audience acknowledge vip-lost scores --ledger shop.ledger --consumer mail --upto 1
```

`diff --consumer` gives the same changes until they are acknowledged, by the number of the refresh that they
lead to (`upto`); then what came after, until `since` equals `upto`. Each change has a `key` that is never
another's.

A rule is text, or the same as a tree of `all`, `any` and `none`, in YAML or JSON:

```yaml
rule:
  all:
    - {field: importance, op: "=", value: vip}
    - purchased: {category: [CHEESE], last_days: 90, orders: {at_least: 2}}
    - none:
        - interested_in: {keyword: sneaker, top_share: 0.2}
        - event: {type: [product_view], last_days: 14, count: {at_least: 3}}
```

Windows count in days. `purchased` takes product, category, brand or keyword; last and before last days;
orders, quantity and spend. `event` takes its type, products as those, last and before last days; count,
value, page_type, source and campaign_id. The fields a rule may name are the traits, the columns of the
scores, survival at any horizon (`survival_100`), any further column of the customers table, and two of the
shop's own making: `newcomer` (one_off, returning or high_potential while the first order lies within the
shop's usual time to a second one; else null) and `lead_score` (points for rules, summed).
[TRAITS.md](TRAITS.md) lists them all, with the operators of each type. A file with a preset's name stands
in the preset's place, and `lead_score.yaml` in the place of the package's points:

```yaml
behaviour:
  - {points: 20, rule: "event('page_view', page_type = 'pricing', last 90 days)"}
  - {points: -5, rule: "recency_days > 180"}
profile:
  - {points: 15, rule: "client_type IN (corporate, government)"}
source:
  - {points: 10, rule: "acquisition_source IN (search, referral)"}
```

The folder is that of `--audiences`, on the command line and of the service (`INTENTML_AUDIENCES`), or
`im.open_audiences(..., folder=...)`. A broken file among them is an error; the service, and `strict=False`,
go on without it and say so.

## From Python

The same in a program, on the shop that `intentml demo` leaves. `mine/quiet.yaml` is an audience with a
holdout, `hello.yaml` a scenario:

```python
from pathlib import Path

import intentml as im
from intentml.audiences.ledger import Ledger
from intentml.audiences.lift import lift_since
from intentml.audiences.refreshing import refreshed
from intentml.insights import comparison, overlap, report_of, written
from intentml.scenarios import due
from intentml.scenarios.ledger import ActionLedger

log = im.read_tables("intentml-demo/shop")
people = im.open_audiences("intentml-demo/scores", log, folder="mine")
shop = {"shop": people.shop, "timezone": log.timezone}  # a ledger of another shop is refused

with Ledger.open("shop.ledger", **shop) as ledger:
    refreshed(people, ledger, ["quiet", "lost"])["quiet"].members
    ledger.diff("quiet").left  # a table, as .entered is: customer_id, holdout, refresh, key
    changes = ledger.changes("quiet", "mail")  # what mail has not acknowledged yet
    ledger.acknowledge("quiet", "mail", changes.upto)
    then = ledger.as_of("quiet", people.view.as_of)  # customer_ids, holdout
lift_since(log, then, 14, "orders").relative  # value, low, high

comparison(people, ["quiet", "lost"])  # DataFrames
overlap(people, ["quiet", "lost"])
Path("report.html").write_text(written(report_of(people, log)), encoding="utf-8")

with Ledger.open("shop.ledger", **shop) as ledger, ActionLedger.open("shop.ledger", **shop) as handed:
    batch = due(people, ["hello.yaml"], handed, ledger)["hello"]
    if batch.number is not None:  # None: nothing is due
        handed.acknowledge("hello", batch.number)
batch.actions  # a table: action_id, customer_id, step, action, channel ...
```

How a scenario is written: [serving/scenarios](../scenarios/README.md).

## What the sources ask, and what answers it

C = Clerk.io Audience, O = Optimove, S = ShopiMind, K = a class on segmentation.
"""
DECISIONS = """
## Where the sources leave something open

| row | open | here |
| --- | --- | --- |
| C11 | when a customer is lost | from two of the own cycles on; slipping away from 1.2; both stretch \
for irregular customers where validation says so |
| C11 | Just Ordered, a state that another page of the vendor has | a part of active and new, so nobody \
is in two stages |
| C09 | how large the share of one-time buyers is (70 % and 90 % are told) | reported, never assumed |
| K02 | days 8 to 30 | warm, as up to day 90; cold after |
| K01 | whether an answer of 0 counts | it does, among the detractors |
| S09 | 35 and 50 years are in two bands | each in the upper one |
| S07, S08 | regular and loyal | two audiences: `regular` asks when, `more-than-three-orders` how often |
| S08 | 150 EUR before tax | `last_order_spend_without_tax`, in the shop's main currency |
| S03 | what opening all, some or none is | four in five, some, none; of three e-mails or more in 90 days |
| S07, S08 | months | in rules, 3 and 6 are 91 and 183 days; scenarios count by the calendar |
| O03 | whether a returner is worth less | value is told after returns; a high rate shuts nobody out |

## The presets
"""
