package import RaftCore

/// One change of a group's members.
///
/// Each leaves a group that can decide, so a plan of several may end after any of them.
package enum MemberChange: Hashable, Sendable {
    /// A new node comes in: as a learner, or as a witness if it was founded as one.
    case add(MemberDescription)
    /// A member comes back with a new disk, as a learner: the old one's votes count no more.
    case rejoin(MemberDescription)
    /// A learner gets a vote.
    case promote(UInt64)
    /// A voter becomes a learner.
    case demote(UInt64)
    /// A member leaves.
    case remove(UInt64)
    /// The one leaves and the other, a member already, gets a vote, both at once.
    case replace(UInt64, by: UInt64)

    /// Checks numbers and sizes, so that nothing else of the node has to.
    ///
    /// - Throws: `invalidValue`, naming what is wrong.
    package func check() throws(ProtocolError) {
        switch self {
        case .add(let member), .rejoin(let member): try member.check()
        case .promote(let node), .demote(let node), .remove(let node): try Self.check(node)
        case .replace(let node, let other):
            try Self.check(node)
            try Self.check(other)
            guard node != other else {
                throw ProtocolError(.invalidValue, "a node does not replace itself")
            }
        }
    }

    fileprivate static func check(_ node: UInt64) throws(ProtocolError) {
        guard ProtocolLimits.nodeNumbers.contains(node) else {
            throw ProtocolError(
                .invalidValue,
                "\(node) is no node's number; they are \(ProtocolLimits.nodeNumbers.lowerBound) to "
                    + "\(ProtocolLimits.nodeNumbers.upperBound)"
            )
        }
    }
}

extension MemberDescription {
    /// Checks what a member that is to be taken in says of itself.
    ///
    /// - Throws: `invalidValue`, naming what is wrong.
    fileprivate func check() throws(ProtocolError) {
        try MemberChange.check(node)
        let roles = ["", "\(MemberRole.learner)", "\(MemberRole.witness)"]
        guard roles.contains(role) else {
            throw ProtocolError(
                .invalidValue,
                "a node is taken in as a learner or as a witness only"
            )
        }
        guard Incarnation(hexadecimal: incarnation) != nil else {
            throw ProtocolError(
                .invalidValue,
                "an incarnation is 32 lower-case hexadecimal digits, not all 0"
            )
        }
        let sizes = 1...ProtocolLimits.maximumAddressSize
        for text in [site, peerAddress, clientAddress, administrationAddress] {
            guard sizes.contains(text.utf8.count) else {
                throw .outOfBounds(
                    .invalidValue,
                    "a site or an address",
                    text.utf8.count,
                    sizes
                )
            }
        }
    }
}

/// What a change of members does.
package struct MemberPlan: Hashable, Sendable {
    /// The members without it, ascending.
    package var before: [MemberDescription]
    /// The members with it, ascending.
    package var after: [MemberDescription]
    /// The voters change: those from before and those from after must both agree.
    package var isJoint: Bool

    /// Composes a plan.
    package init(before: [MemberDescription], after: [MemberDescription], isJoint: Bool) {
        self.before = before
        self.after = after
        self.isJoint = isJoint
    }
}

extension Incarnation {
    /// Reads 32 lower-case hexadecimal digits, not all 0.
    package init?(hexadecimal text: String) {
        let digits = Array(text.utf8)
        guard digits.count == 32 else { return nil }
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for (place, digit) in digits.enumerated() {
            let value: UInt64
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = UInt64(digit - UInt8(ascii: "a")) + 10
            case _: return nil
            }
            if place < 16 {
                words.high = words.high << 4 | value
            } else {
                words.low = words.low << 4 | value
            }
        }
        guard words.high != 0 || words.low != 0 else { return nil }
        self.init(high: words.high, low: words.low)
    }

    /// The 32 digits.
    package var hexadecimal: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
