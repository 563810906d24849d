// SPDX-License-Identifier: PostgreSQL
pragma solidity 0.8.37;

/// A token that behaves, where a payment platform can see it, like USDT on Ethereum: transfers
/// return nothing, a fee may be taken out of the amount, only the sender's blacklisting is
/// checked, destroyed funds leave no Transfer event, an allowance must go through zero.
///
/// Written for the tests and the demo of this project; it is not meant to hold value.  The owner
/// can do everything.
contract TestTether {
    string public constant name = "Tether USD";
    string public constant symbol = "USDT";
    uint8 public immutable decimals;

    address public owner;
    uint256 public totalSupply;
    uint256 public basisPointsRate;
    uint256 public maximumFee;
    bool public paused;
    bool public deprecated;
    address public upgradedAddress;

    mapping(address => uint256) private balances;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => bool) public isBlackListed;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    event Issue(uint256 amount);
    event Redeem(uint256 amount);
    event Deprecate(address newAddress);
    event Params(uint256 feeBasisPoints, uint256 maxFee);
    event DestroyedBlackFunds(address _blackListedUser, uint256 _balance);
    event AddedBlackList(address _user);
    event RemovedBlackList(address _user);
    event Pause();
    event Unpause();

    modifier onlyOwner() {
        require(msg.sender == owner, "not the owner");
        _;
    }

    modifier whenNotPaused() {
        require(!paused, "paused");
        _;
    }

    /// Six decimals as on most networks, or eighteen as on BSC.
    constructor(uint256 initialSupply, uint8 decimals_) {
        decimals = decimals_;
        owner = msg.sender;
        totalSupply = initialSupply;
        balances[msg.sender] = initialSupply;
    }

    function balanceOf(address who) external view returns (uint256) {
        return balances[who];
    }

    function getOwner() external view returns (address) {
        return owner;
    }

    // ------------------------------------------------------------------ moving money, no result

    function transfer(address to, uint256 value) external whenNotPaused {
        require(!isBlackListed[msg.sender], "sender is blacklisted");
        move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external whenNotPaused {
        require(!isBlackListed[from], "sender is blacklisted");
        uint256 allowed = allowance[from][msg.sender];
        require(allowed >= value, "allowance too low");
        if (allowed != type(uint256).max) {
            allowance[from][msg.sender] = allowed - value;
        }
        move(from, to, value);
    }

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0, "reset to zero first");
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    /// The recipient gets the amount less the fee.  With a fee there are two Transfer events and
    /// the owner's comes first.
    function move(address from, address to, uint256 value) private {
        require(balances[from] >= value, "balance too low");
        uint256 fee = value * basisPointsRate / 10000;
        if (fee > maximumFee) {
            fee = maximumFee;
        }
        balances[from] -= value;
        if (fee > 0) {
            balances[owner] += fee;
            emit Transfer(from, owner, fee);
        }
        balances[to] += value - fee;
        emit Transfer(from, to, value - fee);
    }

    // ------------------------------------------------------------------ what the owner may do

    /// New money appears at the owner; as on the real one there is no Transfer event.
    function issue(uint256 amount) external onlyOwner {
        totalSupply += amount;
        balances[owner] += amount;
        emit Issue(amount);
    }

    function redeem(uint256 amount) external onlyOwner {
        require(balances[owner] >= amount, "balance too low");
        totalSupply -= amount;
        balances[owner] -= amount;
        emit Redeem(amount);
    }

    /// The hard limits of the real contract: under 20 basis points, under 50 units.
    function setParams(uint256 newBasisPoints, uint256 newMaxFee) external onlyOwner {
        require(newBasisPoints < 20 && newMaxFee < 50, "above the hard limit");
        basisPointsRate = newBasisPoints;
        maximumFee = newMaxFee * 10 ** decimals;
        emit Params(basisPointsRate, maximumFee);
    }

    function addBlackList(address user) external onlyOwner {
        isBlackListed[user] = true;
        emit AddedBlackList(user);
    }

    function removeBlackList(address user) external onlyOwner {
        isBlackListed[user] = false;
        emit RemovedBlackList(user);
    }

    function destroyBlackFunds(address user) external onlyOwner {
        require(isBlackListed[user], "not blacklisted");
        uint256 amount = balances[user];
        balances[user] = 0;
        totalSupply -= amount;
        emit DestroyedBlackFunds(user, amount);
    }

    function pause() external onlyOwner whenNotPaused {
        paused = true;
        emit Pause();
    }

    function unpause() external onlyOwner {
        require(paused, "not paused");
        paused = false;
        emit Unpause();
    }

    function deprecate(address newAddress) external onlyOwner {
        deprecated = true;
        upgradedAddress = newAddress;
        emit Deprecate(newAddress);
    }
}
