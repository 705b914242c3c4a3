/// Why nothing happened.
///
/// The numbers are part of the protocol and of stored replies: never reused.
///
/// A separate case exists only where a caller would act differently; what that is,
/// ``advice`` says.
package enum Refusal: UInt16, Hashable, Sendable, CaseIterable, Error {
    // MARK: Ask elsewhere or later; never stored as a reply.

    /// This node does not lead the group.
    case notLeader = 1
    /// Too much is waiting.
    case overloaded = 2
    /// The node has not caught up since it started, or no leader is known.
    case notReady = 3
    /// The node is going away.
    case shuttingDown = 4
    /// The deadline passed before the command was proposed.
    case deadlinePassed = 5
    /// No room for growth; deletes go on.
    case diskFull = 6

    // MARK: The request is wrong: do not send it again.

    /// The bytes do not follow the format.
    case malformed = 20
    /// No such command, query or administration request in this version.
    case unknownVerb = 21
    /// The whole is above a limit.
    case tooLarge = 22
    /// A field or feature that this version or the cluster's feature level does not have.
    case notSupported = 23
    /// The name of a tenant, service or bucket breaks its rule.
    case invalidName = 24
    /// A key of 0 or more than 1024 bytes.
    case invalidKey = 25
    /// Another field is out of its bounds.
    case invalidValue = 26

    // MARK: Not permitted. Absent and forbidden look the same to a service and a tenant.

    /// Not for this principal.
    case notPermitted = 40

    // MARK: The state does not allow it.

    /// The name is taken.
    case tenantExists = 60
    /// There is none of this name.
    case noSuchTenant = 61
    /// It has buckets.
    case tenantNotEmpty = 62
    /// It may not grow.
    case tenantSuspended = 63
    /// The name is taken by another tenant.
    case bucketExists = 64
    /// The bucket is there already, and it is the caller's.
    case bucketOwnedByYou = 65
    /// There is none of this name that the caller may see.
    case noSuchBucket = 66
    /// It holds objects.
    case bucketNotEmpty = 67
    /// There is none under this key.
    case noSuchObject = 68
    /// The object is not as the caller demanded.
    case preconditionFailed = 69
    /// The tenant's quota of bytes or objects would be passed.
    case quotaExceeded = 70
    /// The tenant's quota of buckets, or the cluster's limit.
    case tooManyBuckets = 71
    /// The cluster's limit.
    case tooManyTenants = 72
    /// The limit of services for one tenant.
    case tooManyGrants = 73

    // MARK: Exactly once.

    /// The session was closed or never was: what became of its last requests is unknown.
    case noSuchSession = 80
    /// The session has fewer slots.
    case slotOutOfRange = 81
    /// The sequence is neither the slot's newest nor the one after.
    case sequenceOutOfOrder = 82
    /// The same token with other parameters.
    case requestReused = 83
    /// The limit of open sessions.
    case tooManySessions = 84

    // MARK: Cluster time and routing.

    /// The leader's clock is not plausible to the voters.
    case clockRefused = 90
    /// The bucket's configuration has changed.
    case staleBucketEpoch = 91
    /// The key range has moved.
    case staleRangeEpoch = 92

    // MARK: Leadership.

    /// The chosen node did not take over in time.
    case transferFailed = 100
    /// The chosen node has no vote, or is a witness, which keeps no state.
    case notAVoter = 101

    // MARK: Members.

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

    // MARK: Sites.

    /// The policy allows nobody to stand where these members stand, or would.
    case countryNotAllowed = 120
    /// The loss of one site would leave no quorum, and the policy wants that of any to leave one.
    case spreadBroken = 121
    /// Somebody else has changed the policy meanwhile.
    case policyChanged = 122

    // MARK: The witness.

    /// A cluster has one witness at most, who stays one until it is removed; nobody else becomes one.
    case notForWitness = 125
}
