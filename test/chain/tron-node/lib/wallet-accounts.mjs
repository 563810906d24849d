// SPDX-License-Identifier: PostgreSQL
//
// Wallet requests about accounts, their resources, and contracts.

import {
	PARAMETERS, accountOf, defaultPermissions, resourceLimit, resourceUse,
} from './execute.mjs';
import { addressParam, show } from './wallet-params.mjs';

const WINDOW = 28800000;

/** Returns the JSON of a permission. */
function permissionJson(call, permission, active)
{
	return {
		...(active ? { type: 'Active', id: permission.id } : {}),
		permission_name: permission.name ?? 'owner',
		threshold: permission.threshold,
		...(active ? { operations: permission.operations } : {}),
		keys: permission.keys.map((k) => ({ address: show(call, k.address), weight: k.weight })),
	};
}

/** Returns the parts of an account's JSON that tell its stakes. */
function stakeJson(account)
{
	const frozen = (resource, type) => ({
		...(type ? { type } : {}),
		...(account.frozen[resource] ? { amount: account.frozen[resource] } : {}),
	});

	return {
		frozenV2: [frozen('NET'), frozen('ENERGY', 'ENERGY'), { type: 'TRON_POWER' }],
		...(account.unfrozen.length ? {
			unfrozenV2: account.unfrozen.map((u) => ({
				...(u.resource === 'ENERGY' ? { type: 'ENERGY' } : {}),
				unfreeze_amount: u.amount, unfreeze_expire_time: u.time,
			})),
		} : {}),
		...nonZero({
			delegated_frozenV2_balance_for_bandwidth: account.delegated.NET,
			acquired_delegated_frozenV2_balance_for_bandwidth: account.acquired.NET,
		}),
	};
}

/** Returns an object without its zero members. */
function nonZero(object)
{
	return Object.fromEntries(Object.entries(object).filter(([, value]) => value));
}

/** getaccount. */
export function getAccount(call)
{
	const address = addressParam(call, 'address');
	const account = accountOf(call.view.state(!call.solid), address);

	if (!account)
		return {};

	const permissions = account.permissions ?? defaultPermissions(address);
	const energy = account.usage.ENERGY;

	return {
		address: show(call, address),
		...nonZero({ balance: account.balance }),
		...(account.type === 'Contract' ? { type: 'Contract' } : {}),
		create_time: account.created,
		...nonZero({
			latest_opration_time: account.used,
			net_usage: account.usage.NET?.amount,
			free_net_usage: account.usage.FREE?.amount,
			latest_consume_free_time: account.usage.FREE?.time,
		}),
		net_window_size: WINDOW,
		net_window_optimized: true,
		account_resource: {
			...nonZero({ energy_usage: energy?.amount, latest_consume_time_for_energy: energy?.time }),
			energy_window_size: WINDOW,
			...nonZero({
				delegated_frozenV2_balance_for_energy: account.delegated.ENERGY,
				acquired_delegated_frozenV2_balance_for_energy: account.acquired.ENERGY,
			}),
			energy_window_optimized: true,
		},
		owner_permission: permissionJson(call, permissions.owner, false),
		active_permission: permissions.actives.map((p) => permissionJson(call, p, true)),
		...stakeJson(account),
		asset_optimized: true,
	};
}

/** Returns the bandwidth part of getaccountnet and getaccountresource. */
function netJson(call, account)
{
	const now = call.view.block(call.view.head).timestamp;

	return nonZero({
		freeNetUsed: resourceUse(account, 'FREE', now),
		freeNetLimit: PARAMETERS.freeNetLimit,
		NetUsed: resourceUse(account, 'NET', now),
		NetLimit: resourceLimit(account, 'NET'),
		TotalNetLimit: PARAMETERS.totalNetLimit,
		TotalNetWeight: PARAMETERS.totalNetWeight,
	});
}

/** getaccountnet. */
export function getAccountNet(call)
{
	const account = accountOf(call.view.state(!call.solid), addressParam(call, 'address'));

	return account ? netJson(call, account) : {};
}

/** getaccountresource. */
export function getAccountResource(call)
{
	const account = accountOf(call.view.state(!call.solid), addressParam(call, 'address'));
	const now = call.view.block(call.view.head).timestamp;

	return account ? {
		...netJson(call, account),
		...nonZero({
			EnergyUsed: resourceUse(account, 'ENERGY', now),
			EnergyLimit: resourceLimit(account, 'ENERGY'),
			TotalEnergyLimit: PARAMETERS.totalEnergyLimit,
			TotalEnergyWeight: PARAMETERS.totalEnergyWeight,
		}),
	} : {};
}

/** Returns the JSON of a contract. */
function contractJson(call, contract)
{
	return {
		bytecode: '6080604052' + contract.runtimeCode,
		consume_user_resource_percent: 100,
		name: contract.name,
		origin_address: show(call, contract.origin),
		abi: { entrys: contract.abi },
		origin_energy_limit: 10000000,
		contract_address: show(call, contract.address),
		code_hash: contract.runtimeCode.slice(0, 64),
	};
}

/** getcontract. */
export function getContract(call)
{
	const contract = call.node.chain.contracts.get(addressParam(call, 'value'));

	return contract ? contractJson(call, contract) : {};
}

/** getcontractinfo. */
export function getContractInfo(call)
{
	const contract = call.node.chain.contracts.get(addressParam(call, 'value'));

	return contract ? {
		smart_contract: contractJson(call, contract), runtimecode: contract.runtimeCode,
		contract_state: { energy_usage: 1000000, energy_factor: contract.busy ? 34000 : 0,
			update_cycle: 1 },
	} : {};
}
