// SPDX-License-Identifier: PostgreSQL
//
// Wallet requests about blocks and transactions.

import { infoJson } from './block.mjs';
import { applyToBlock, applyToInfos } from './faults.mjs';
import { hexParam, intParam } from './wallet-params.mjs';

const BLOCKS_PER_CALL = 100;

/** Returns the JSON of a block, or {} when there is none. */
export function blockText(call, block, detail = true)
{
	return block ? applyToBlock(call.faults, call.request, block.number,
		block.json(call.visible, detail)) : '{}';
}

/** Returns the JSON of a range of blocks, end excluded. */
function blockList(call, start, end)
{
	const clamp = call.faults.hit('clamp', call.request);
	const stop = Math.min(clamp ? Math.min(end, start + clamp.range) : end, call.view.head + 1);
	const texts = [];

	for (let n = start; n < stop; n++)
		texts.push(blockText(call, call.view.block(n)));
	return `{"block":[${texts.join(',')}]}`;
}

/** getblock: by number, id or the head; without transactions unless detail. */
export function getBlock(call)
{
	const wanted = String(call.params.id_or_num ?? '');
	const detail = String(call.params.detail) === 'true';

	if (wanted === '')
		return blockText(call, call.view.block(call.view.head), detail);
	if (/^-?\d+$/.test(wanted) && wanted.length < 19)
	{
		if (Number(wanted) < 0)
			return { Error: 'num must be non-positive number.' };
		return blockText(call, call.view.block(Number(wanted)), detail);
	}
	if (!/^[0-9a-fA-F]{64}$/.test(wanted)
		|| parseInt(wanted.slice(0, 16), 16) > call.view.head)
		return { Error: 'id must be legal block hash.' };
	return blockText(call, call.view.blockById(wanted.toLowerCase()), detail);
}

/** getblockbylimitnext: [startNum, endNum), at most 100. */
export function getBlockByLimitNext(call)
{
	const start = intParam(call.params, 'startNum');
	const end = intParam(call.params, 'endNum');

	if (!(end > 0 && end > start && end - start <= BLOCKS_PER_CALL))
		return '{}';
	return blockList(call, start, end);
}

/** getblockbylatestnum: the last num blocks, fewer than 100. */
export function getBlockByLatestNum(call)
{
	const count = intParam(call.params, 'num');

	if (!(count > 0 && count < BLOCKS_PER_CALL))
		return '{}';
	return blockList(call, Math.max(0, call.view.head - count + 1), call.view.head + 1);
}

/** gettransactionbyid: from the chain or, on the full node, from the pending ones. */
export function getTransactionById(call)
{
	const id = hexParam(call.params, 'value');
	const place = call.view.locate(id);
	const pending = call.solid ? null : call.node.chain.pending.find(({ tx }) => tx.id === id);
	const entry = place ? place.block.entry(place.index) : pending;

	return entry ? entry.tx.toJson(call.visible, entry.info.contractRet) : {};
}

/** gettransactioninfobyid. */
export function getTransactionInfoById(call)
{
	const place = call.view.locate(hexParam(call.params, 'value'));

	if (!place)
		return {};

	const text = JSON.stringify(infoJson(place.block.entry(place.index).info, call.visible));

	return applyToInfos(call.faults, call.request, place.block.number, [text])[0] ?? '{}';
}

/** gettransactioninfobyblocknum: a list, empty when the block is unknown; {} for block 0. */
export function getTransactionInfoByBlockNum(call)
{
	const number = intParam(call.params, 'num');
	const block = call.view.block(number);

	if (number <= 0)
		return '{}';

	const texts = applyToInfos(call.faults, call.request, number,
		block?.infoTexts(call.visible) ?? []);

	return `[${texts.join(',')}]`;
}

/** gettransactionlistfrompending. */
export function listPending(call)
{
	return { txId: call.node.chain.pending.map(({ tx }) => tx.id) };
}

/** gettransactionfrompending. */
export function getTransactionFromPending(call)
{
	const id = hexParam(call.params, 'value');
	const entry = call.node.chain.pending.find(({ tx }) => tx.id === id);

	return entry ? entry.tx.toJson(call.visible) : {};
}
