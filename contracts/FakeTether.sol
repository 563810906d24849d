// SPDX-License-Identifier: PostgreSQL
pragma solidity 0.8.37;

/// An impostor: it calls itself USDT and lets anybody emit any Transfer event.  Only the address
/// tells it from the real one.  Written for this project's tests.
contract FakeTether {
    string public constant name = "Tether USD";
    string public constant symbol = "USDT";
    uint8 public constant decimals = 6;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function balanceOf(address) external pure returns (uint256) {
        return type(uint256).max;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        emit Transfer(msg.sender, to, value);
        return true;
    }

    /// A payment that seems to come from somebody else.
    function pretend(address from, address to, uint256 value) external {
        emit Transfer(from, to, value);
    }
}
