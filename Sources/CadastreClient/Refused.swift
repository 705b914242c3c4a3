internal import CadastreProtocol

/// Why nothing happened, and what the caller can do.
public struct Refused: Error, Sendable, Hashable {
    /// What a caller should do about a refusal.
    public enum Advice: String, Sendable, Hashable, CaseIterable {
        /// The cluster is busy, electing or unreachable: ask again later.
        case askAgainLater = "ask again later"
        /// The request itself is wrong: change it before sending it again.
        case changeTheRequest = "change the request"
        /// The identity may not do this: use another one, or have it granted.
        case getPermission = "use another identity or have it granted"
        /// What is stored does not allow it: look at it, then decide.
        case lookAtTheState = "look at what is stored, then decide"
    }

    /// What happened, as a case to switch over.
    public var reason: Reason
    /// The stable number; of a newer server it may be one that ``reason`` does not know.
    public var number: UInt16
    /// What the server or the library says about it, for people; unescaped text from outside.
    public var detail: String
    /// The place in a ``Batch`` of the operation for which it was refused, from 0; nil where it was for
    /// none in particular, or before any was tried: what breaks a limit the detail says.
    public var operation: Int?

    /// Makes a refusal.
    public init(_ reason: Reason, detail: String = "") {
        self.init(number: reason.rawValue, detail: detail)
    }

    /// Makes a refusal from its number.
    public init(number: UInt16, detail: String) {
        reason = Reason(rawValue: number) ?? .unrecognised
        self.number = number
        self.detail = detail
    }

    /// The reason's name, as in the protocol's list.
    public var name: String {
        reason == .unrecognised ? "refusal \(number)" : "\(reason)"
    }

    /// What to do about it.
    public var advice: Advice { reason.advice }

    /// What to do about it, in one sentence for people.
    public var adviceSentence: String {
        if let refusal = CadastreProtocol.Refusal(rawValue: number) { return refusal.advice }
        return switch reason {
        case .unreachable: "Check that the nodes are up and that the endpoints are right."
        case .connectionRefused: "Check the certificate, the roots and the cluster's name."
        case .unreadableReply: "Update the client, or look at the node's log."
        case _: "The client is at fault or older than the cluster: update it."
        }
    }
}

extension Refused: CustomStringConvertible {
    /// The name and the detail.
    public var description: String {
        let name = operation.map { "\(self.name) for operation \($0 + 1)" } ?? self.name
        return detail.isEmpty ? name : "\(name): \(detail)"
    }
}

extension Refused {
    /// The reasons; numbers below 60000 are the server's, the others are this library's own.
    public enum Reason: UInt16, Sendable, Hashable, CaseIterable {
        /// A newer server gave a number that this library does not know.
        case unrecognised = 0
        /// No leader was found before the deadline.
        case notLeader = 1
        /// Too much is under way.
        case overloaded = 2
        /// The node has not caught up since its start.
        case notReady = 3
        /// The node is stopping.
        case shuttingDown = 4
        /// Time ran out before the request was taken.
        case deadlinePassed = 5
        /// The disk is full; deleting is still possible.
        case diskFull = 6
        /// The request could not be read.
        case malformed = 20
        /// The server does not know this kind of request.
        case unknownVerb = 21
        /// The request is larger than allowed.
        case tooLarge = 22
        /// The server cannot do this yet.
        case notSupported = 23
        /// A name breaks the rules for names.
        case invalidName = 24
        /// A key is empty or longer than 1024 bytes.
        case invalidKey = 25
        /// A value is out of its range.
        case invalidValue = 26
        /// Not permitted, or not there: the two look the same.
        case notPermitted = 40
        /// The name is taken.
        case tenantExists = 60
        /// There is no such tenant.
        case noSuchTenant = 61
        /// The tenant still has buckets.
        case tenantNotEmpty = 62
        /// The tenant may read and delete, not grow.
        case tenantSuspended = 63
        /// The name is taken by another tenant.
        case bucketExists = 64
        /// The tenant has a bucket of this name already.
        case bucketOwnedByYou = 65
        /// There is no such bucket.
        case noSuchBucket = 66
        /// The bucket still has objects.
        case bucketNotEmpty = 67
        /// There is no such object.
        case noSuchObject = 68
        /// The object is not as the precondition wants it.
        case preconditionFailed = 69
        /// The quota would be exceeded.
        case quotaExceeded = 70
        /// The tenant has as many buckets as it may have.
        case tooManyBuckets = 71
        /// The cluster has as many tenants as it may have.
        case tooManyTenants = 72
        /// The tenant has as many grants as it may have.
        case tooManyGrants = 73
        /// The session is over.
        case noSuchSession = 80
        /// The session has no such slot.
        case slotOutOfRange = 81
        /// The slot's sequence has moved on.
        case sequenceOutOfOrder = 82
        /// The identity was used for another request.
        case requestReused = 83
        /// The identity has as many sessions as it may have.
        case tooManySessions = 84
        /// The clock samples were not believed.
        case clockRefused = 90
        /// The bucket's configuration has changed since it was read.
        case staleBucketEpoch = 91
        /// The key range has moved since it was looked up.
        case staleRangeEpoch = 92
        /// Leadership could not be handed over.
        case transferFailed = 100
        /// The node has no vote.
        case notAVoter = 101
        /// The last change of members is not finished.
        case membersChanging = 110
        /// As many as a cluster may have.
        case tooManyMembers = 111
        /// The number belongs to a member with another disk, or the disk to another member.
        case memberExists = 112
        /// No member has this number.
        case noSuchMember = 113
        /// Another member has one of the addresses.
        case addressTaken = 114
        /// Nobody would be left to vote.
        case noVoterLeft = 115
        /// A node with a new disk begins without a vote, and one at a time.
        case mustBeLearner = 116
        /// The node lacks too many entries to be given a vote.
        case notCaughtUp = 117
        /// Of those who would vote too few are heard at the moment.
        case quorumUnreachable = 118
        /// The policy allows nobody to stand where a member stands, or would.
        case countryNotAllowed = 120
        /// The loss of one site would leave no quorum, and the policy wants that of any to leave one.
        case spreadBroken = 121
        /// Somebody else has changed the policy meanwhile.
        case policyChanged = 122
        /// A cluster has one witness at most, who stays one until it is removed; nobody else becomes
        /// one.
        case notForWitness = 125
        /// No node could be reached before the deadline.
        case unreachable = 60_000
        /// Every node was reached, and the connection refused by one side for good.
        case connectionRefused = 60_001
        /// The reply could not be read.
        case unreadableReply = 60_002
        /// This client was closed.
        case clientClosed = 60_003

        /// What to do about it.
        public var advice: Advice {
            switch self {
            case .notLeader, .overloaded, .notReady, .shuttingDown, .deadlinePassed, .diskFull,
                .tooManySessions, .clockRefused, .transferFailed, .unreachable, .noSuchSession,
                .staleBucketEpoch, .staleRangeEpoch, .membersChanging, .notCaughtUp,
                .quorumUnreachable:
                .askAgainLater
            case .unrecognised, .malformed, .unknownVerb, .tooLarge, .notSupported, .invalidName,
                .invalidKey, .invalidValue, .slotOutOfRange, .sequenceOutOfOrder, .requestReused,
                .unreadableReply, .clientClosed, .notAVoter, .addressTaken:
                .changeTheRequest
            case .notPermitted, .connectionRefused:
                .getPermission
            case .tenantExists, .noSuchTenant, .tenantNotEmpty, .tenantSuspended, .bucketExists,
                .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty, .noSuchObject,
                .preconditionFailed, .quotaExceeded, .tooManyBuckets, .tooManyTenants,
                .tooManyGrants, .tooManyMembers, .memberExists, .noSuchMember, .noVoterLeft,
                .mustBeLearner, .countryNotAllowed, .spreadBroken, .policyChanged, .notForWitness:
                .lookAtTheState
            }
        }
    }
}

extension Refused.Reason {
    /// How the library itself goes on after a refusal.
    enum Handling {
        /// The node is not the one to ask; nothing happened.
        case elsewhere
        /// The node cannot take it now; nothing happened.
        case later
        /// The session is over; nothing happened by this attempt.
        case session
        /// The slot is not at this sequence; nothing happened by this attempt.
        case slot
        /// Decided by the state machine and kept for retries: final whatever went before.
        case final
        /// Decided at the door or when applied; final unless an earlier attempt is unresolved.
        case door
    }

    /// Which of the ways.
    var handling: Handling {
        switch self {
        case .notLeader, .shuttingDown, .notReady, .unreachable: .elsewhere
        case .overloaded, .diskFull, .deadlinePassed: .later
        case .noSuchSession: .session
        case .sequenceOutOfOrder: .slot
        case .tenantExists, .noSuchTenant, .tenantNotEmpty, .tenantSuspended, .bucketExists,
            .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty, .noSuchObject, .preconditionFailed,
            .quotaExceeded, .tooManyBuckets, .tooManyTenants, .tooManyGrants:
            .final
        case .unrecognised, .malformed, .unknownVerb, .tooLarge, .notSupported, .invalidName,
            .invalidKey, .invalidValue, .notPermitted, .slotOutOfRange, .requestReused,
            .tooManySessions, .clockRefused, .staleBucketEpoch, .staleRangeEpoch, .transferFailed,
            .notAVoter, .membersChanging, .tooManyMembers, .memberExists, .noSuchMember,
            .addressTaken, .noVoterLeft, .mustBeLearner, .notCaughtUp, .quorumUnreachable,
            .countryNotAllowed, .spreadBroken, .policyChanged, .notForWitness, .connectionRefused,
            .unreadableReply, .clientClosed:
            .door
        }
    }
}
