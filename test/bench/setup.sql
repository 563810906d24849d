-- What the benchmarks of orders and of the chain run on: a network, a wallet, a merchant whose login
-- is bound, and the tables of the baselines.  Blocks come from the chain in SQL of the tests.
\set QUIET on
\ir ../pgtap/lib/chain.sql
SELECT sim.setup();
SELECT sim.mine(100, 100);
SELECT usdtpay.party_login_grant('shop', 'bench_shop');
CREATE SEQUENCE public.bench_reference;
GRANT USAGE ON SEQUENCE public.bench_reference TO bench_shop;
GRANT INSERT ON public.bench_row TO bench_shop;

-- The same rows as settling writes, without anything that makes them right.
CREATE TABLE public.bench_deposit (LIKE usdtpay.deposit INCLUDING ALL);
CREATE TABLE public.bench_order (LIKE usdtpay.payment_order INCLUDING ALL);
CREATE TABLE public.bench_event (LIKE usdtpay.event INCLUDING ALL);
