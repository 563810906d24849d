-- Addresses derived per second of CPU.  Variables: xpub, count.
SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint AS began \gset
SELECT count(usdtpay.address_derive(:'xpub', 'evm', n)) FROM generate_series(1, :count) AS n \g /dev/null
SELECT :count * 1e9 / (split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint - :began);
