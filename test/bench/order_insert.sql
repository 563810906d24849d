-- Baseline of order_create.sql: one row, one commit, by the same role.
INSERT INTO public.bench_row (party_id, key, debit, credit, amount) VALUES (2, 'r-' || nextval('public.bench_reference'), 1, 2, 10);
