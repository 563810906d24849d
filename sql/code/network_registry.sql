-- Real networks and their USDT contracts.  The registry is pinned; what a node claims is compared
-- with it, never the other way round.

CREATE OR REPLACE VIEW usdtpay.network_registry AS
SELECT r.*
FROM (
    VALUES
    (
        'ethereum', 'Ethereum', 'evm', 1::bigint, '0xdAC17F958D2ee523a2206206994597C13D831ec7', 'USDT', 6, 'USDT',
        12000, 2000, true, 0, 'keccak'
    ),
    (
        'bsc', 'BNB Smart Chain (Binance-Peg USDT)', 'evm', 56, '0x55d398326f99059fF775485246999027B3197955', 'USDT', 18, 'USDT',
        450, 500, true, 15, 'none'
    ),
    (
        'polygon', 'Polygon PoS', 'evm', 137, '0xc2132D05D31c914a87C6611C10748AEb04B58e8F', 'USDT', 6, 'USDT',
        2000, 1000, true, 33, 'none'
    ),
    (
        'arbitrum', 'Arbitrum One (USDT0)', 'evm', 42161, '0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9', 'USDT0', 6, 'USDT',
        250, 500, true, 0, 'none'
    ),
    (
        'optimism', 'OP Mainnet (USDT0)', 'evm', 10, '0x01bFF41798a0BcF287b996046Ca68b395DbC1071', 'USDT0', 6, 'USDT',
        2000, 1000, true, 0, 'none'
    ),
    (
        'optimism', 'OP Mainnet (USDT0)', 'evm', 10, '0x94b008aA00579c1307B0EF2c499aD98a8ce58e58', 'USDT', 6, NULL,
        2000, 1000, true, 0, 'none'
    ),
    (
        'avalanche', 'Avalanche C-Chain', 'evm', 43114, '0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7', 'USDt', 6, 'USDT',
        1500, 1000, true, 0, 'none'
    ),
    (
        'tron', 'TRON', 'tron', 728126428, 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 'USDT', 6, 'USDT',
        3000, 1500, true, 0, 'none'
    )
) AS r (
    code, name, family, chain_id, contract, symbol, decimals, asset,
    block_ms, poll_ms, final_tag, final_depth, header_check
);
COMMENT ON VIEW usdtpay.network_registry IS
'Real networks and their USDT contracts, pinned; network_enable(code, rpc_urls) turns one on. One row per token: a token without an asset is watched but never credited (old USDT on OP Mainnet; token_define with an asset accepts it).';
COMMENT ON COLUMN usdtpay.network_registry.code IS 'Short name used in calls';
COMMENT ON COLUMN usdtpay.network_registry.name IS 'Name for people';
COMMENT ON COLUMN usdtpay.network_registry.family IS 'evm or tron';
COMMENT ON COLUMN usdtpay.network_registry.chain_id IS 'Chain id every node must report';
COMMENT ON COLUMN usdtpay.network_registry.contract IS 'Token contract';
COMMENT ON COLUMN usdtpay.network_registry.symbol IS 'Symbol for people';
COMMENT ON COLUMN usdtpay.network_registry.decimals IS 'Decimals of the token on this chain; USDT on BNB Smart Chain has 18';
COMMENT ON COLUMN usdtpay.network_registry.asset IS 'Asset it counts as; NULL: watched, never credited';
COMMENT ON COLUMN usdtpay.network_registry.block_ms IS 'Usual time between blocks';
COMMENT ON COLUMN usdtpay.network_registry.poll_ms IS 'How often the head is asked for';
COMMENT ON COLUMN usdtpay.network_registry.final_tag IS 'Credit waits for the finalized tag (TRON: solidified)';
COMMENT ON COLUMN usdtpay.network_registry.final_depth IS 'Credit waits for this many blocks on top, too';
COMMENT ON COLUMN usdtpay.network_registry.header_check IS 'keccak where recorded headers prove that hashes can be recomputed, else none';
