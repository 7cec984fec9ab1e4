-- An outbox row says whose it is: a worker that takes one over puts its name there.

grant update (worker) on batch to inventory_worker;
