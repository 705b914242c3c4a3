/// What a caller does about each refusal.
extension Refusal {
    /// A stable identifier for programs that read the tool's output.
    package var name: String { "\(self)" }

    /// What the caller should do, in one sentence.
    package var advice: String {
        switch self {
        case .notLeader:
            "Ask the node that the hint names, or any other, with the same request id."
        case .overloaded:
            "Wait for the advised time, then send the same request again."
        case .notReady:
            "Ask another node, or wait a moment and send the same request again."
        case .shuttingDown:
            "Ask another node, with the same request id."
        case .deadlinePassed:
            "Nothing happened: send the same request again, with a longer deadline."
        case .diskFull:
            "Delete objects or give the nodes more disk, then send the same request again."
        case .malformed:
            "Do not send it again: the client does not follow the protocol."
        case .unknownVerb:
            "Do not send it again: update the cluster, or use a client that matches it."
        case .tooLarge:
            "Do not send it again: make the request smaller."
        case .notSupported:
            "Do not send it again until every node is updated and the feature level is raised."
        case .invalidName:
            "Do not send it again: choose a name that follows the rule for names."
        case .invalidKey:
            "Do not send it again: a key has 1 to 1024 bytes."
        case .invalidValue:
            "Do not send it again: correct the field that the detail describes."
        case .notPermitted:
            "Ask an operator for a grant, or use another certificate."
        case .tenantExists:
            "Choose another name, or go on with the tenant that exists."
        case .noSuchTenant:
            "Check the tenant's name, or create the tenant first."
        case .tenantNotEmpty:
            "Delete the tenant's buckets first."
        case .tenantSuspended:
            "Ask an operator to make the tenant active again."
        case .bucketExists:
            "Choose another name: bucket names are unique in the cluster."
        case .bucketOwnedByYou:
            "Go on with the bucket: it is yours already."
        case .noSuchBucket:
            "Check the bucket's name, or create the bucket first."
        case .bucketNotEmpty:
            "Delete the bucket's objects first."
        case .noSuchObject:
            "Nothing is registered under this key."
        case .preconditionFailed:
            "Read the object again and decide anew."
        case .quotaExceeded:
            "Delete objects, or ask an operator for a larger quota."
        case .tooManyBuckets:
            "Delete buckets, or ask an operator for a larger quota."
        case .tooManyTenants:
            "Delete tenants that are not used."
        case .tooManyGrants:
            "Revoke grants that are not used."
        case .noSuchSession:
            "Open a new session; what became of requests under the old one must be read."
        case .slotOutOfRange:
            "Use a slot that the session has, or open a session with more."
        case .sequenceOutOfOrder:
            "Correct the client: a slot has one request at a time, numbered one after another."
        case .requestReused:
            "Use a new token: this one named a request with other parameters."
        case .tooManySessions:
            "Close sessions that are not used, or wait until the silent ones are closed."
        case .clockRefused:
            "Check the clocks of the nodes; the same request may be sent again."
        case .staleBucketEpoch:
            "Read the bucket again, then decide anew with its present epoch."
        case .staleRangeEpoch:
            "Read the map of key ranges again, then send the request where it belongs."
        case .transferFailed:
            "The old leader leads on: try again, or choose another node."
        case .notAVoter:
            "Choose a node that has a vote."
        case .membersChanging:
            "Wait until the members' last change is finished, then send the same request again."
        case .tooManyMembers:
            "Remove a member first: a cluster has 16 at most."
        case .memberExists:
            "Give the new node a number of its own, or replace the member of this number."
        case .noSuchMember:
            "Check the number; `cadastre member list` shows the members."
        case .addressTaken:
            "Give the node's listeners addresses that no other member has."
        case .noVoterLeft:
            "Promote another member first: somebody must vote."
        case .mustBeLearner:
            "Take the node in as a learner, one at a time, and promote it when it has caught up."
        case .notCaughtUp:
            "Wait until the node has nearly all entries and has executed them, then send the same "
                + "request again."
        case .quorumUnreachable:
            "Start or connect more of the nodes that would vote, then send the same request again."
        case .countryNotAllowed:
            "Use nodes in the countries that `cadastre policy show` names, or change the policy."
        case .spreadBroken:
            "Give votes to nodes at other sites first, or replace a voter by a node elsewhere."
        case .policyChanged:
            "Read the policy again with `cadastre policy show` and decide anew."
        case .notForWitness:
            "Remove the witness, and add one, or a full node, that was founded as what it is to be."
        }
    }

    /// The same request, unchanged and with the same identity, may succeed later or elsewhere.
    package var isRetryable: Bool {
        switch self {
        case .notLeader, .overloaded, .notReady, .shuttingDown, .deadlinePassed, .diskFull,
            .tooManySessions, .clockRefused, .transferFailed, .membersChanging, .notCaughtUp,
            .quorumUnreachable:
            true
        case .malformed, .unknownVerb, .tooLarge, .notSupported, .invalidName, .invalidKey,
            .invalidValue, .notPermitted, .tenantExists, .noSuchTenant, .tenantNotEmpty,
            .tenantSuspended, .bucketExists, .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty,
            .noSuchObject, .preconditionFailed, .quotaExceeded, .tooManyBuckets,
            .tooManyTenants, .tooManyGrants, .noSuchSession, .slotOutOfRange,
            .sequenceOutOfOrder, .requestReused, .staleBucketEpoch, .staleRangeEpoch,
            .notAVoter, .tooManyMembers, .memberExists, .noSuchMember, .addressTaken,
            .noVoterLeft, .mustBeLearner, .countryNotAllowed, .spreadBroken, .policyChanged,
            .notForWitness:
            false
        }
    }

    /// The state machine keeps it as the reply to the request, so that a retry gets it again.
    ///
    /// Not so where nothing was judged (not proposed, or judged by routing or by the check for
    /// retries itself): a retry must then be judged anew.
    package var isStored: Bool {
        switch self {
        case .malformed, .unknownVerb, .tooLarge, .notSupported, .invalidName, .invalidKey,
            .invalidValue, .notPermitted, .tenantExists, .noSuchTenant, .tenantNotEmpty,
            .tenantSuspended, .bucketExists, .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty,
            .noSuchObject, .preconditionFailed, .quotaExceeded, .tooManyBuckets,
            .tooManyTenants, .tooManyGrants:
            true
        case .notLeader, .overloaded, .notReady, .shuttingDown, .deadlinePassed, .diskFull,
            .noSuchSession, .slotOutOfRange, .sequenceOutOfOrder, .requestReused,
            .tooManySessions, .clockRefused, .staleBucketEpoch, .staleRangeEpoch,
            .transferFailed, .notAVoter, .membersChanging, .tooManyMembers, .memberExists,
            .noSuchMember, .addressTaken, .noVoterLeft, .mustBeLearner, .notCaughtUp,
            .quorumUnreachable, .countryNotAllowed, .spreadBroken, .policyChanged,
            .notForWitness:
            false
        }
    }
}
