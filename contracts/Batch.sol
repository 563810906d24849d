// SPDX-License-Identifier: PostgreSQL
pragma solidity 0.8.37;

interface IToken {
    function transfer(address to, uint256 value) external;
    function transferFrom(address from, address to, uint256 value) external;
}

/// Many token transfers inside one transaction, as an exchange's withdrawal or a smart wallet
/// makes them: the transaction's recipient is this contract, never the token.  Written for this
/// project's tests and demo.
contract Batch {
    /// Out of the caller's allowance; a recipient may come several times.
    function payFrom(IToken token, address[] calldata to, uint256[] calldata value) external {
        require(to.length == value.length, "lengths differ");
        for (uint256 i = 0; i < to.length; i++) {
            token.transferFrom(msg.sender, to[i], value[i]);
        }
    }

    /// Out of this contract's own balance.
    function pay(IToken token, address[] calldata to, uint256[] calldata value) external {
        require(to.length == value.length, "lengths differ");
        for (uint256 i = 0; i < to.length; i++) {
            token.transfer(to[i], value[i]);
        }
    }

    /// Emits everything pay would and then takes it back: a failed transaction has no logs.
    function payAndRevert(IToken token, address to, uint256 value) external {
        token.transfer(to, value);
        revert("changed my mind");
    }
}
