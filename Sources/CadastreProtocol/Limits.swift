internal import RaftCore

/// Every bound of what travels, with its reason.
///
/// Sizes are bytes.
package enum ProtocolLimits {
    // MARK: Names and values

    /// An object's key, as S3 has it.
    package static let keySize = 1...1_024
    /// Names of tenants, services and operators: short enough for certificates and labels.
    package static let nameSize = 1...64
    /// Bucket names, as S3 and host names have it.
    package static let bucketNameSize = 3...63
    /// An entity tag: S3's longest is 38; stores of others use up to a SHA-512 in hexadecimal.
    package static let maximumEntityTagSize = 128
    /// Content types are registered names with parameters; longer ones are mistakes.
    package static let maximumContentTypeSize = 256
    /// Pairs of user metadata on one object.
    package static let maximumMetadataPairs = 64
    /// Names and values of an object's user metadata together, as S3 has it.
    package static let maximumMetadataSize = 2_048
    /// Tags on one object, as S3 has it.
    package static let maximumTags = 10
    /// The name of a tag: 128 characters in S3; here bytes.
    package static let tagNameSize = 1...128
    /// The value of a tag: 256 characters in S3; here bytes.
    package static let maximumTagValueSize = 256
    /// Where an object's bytes are: a list of some thousand extents.
    package static let maximumLocationsSize = 65_536
    /// Entity tags in one If-Match: more are a mistake.
    package static let ifMatchTags = 1...16
    /// Sizes, quotas and times: sums of a few never overflow a signed 64-bit integer.
    package static let maximumQuantity: UInt64 = 1 << 62
    /// Operations of a batch: as many rows as a page shows.
    package static let batchOperations = 1...1_000
    /// Slots of a session: requests that one client has on the way at once.
    package static let sessionSlots = 1...1_024
    /// Wall clocks in one Tick: one for each voter.
    package static let maximumClockSamples = 16
    /// Elements in one page of a list, and the default.
    package static let maximumPage = 1_000
    /// The prefix, delimiter and starting place of a list: none needs to be longer than a key.
    package static let maximumListBoundSize = 1_024

    // MARK: Messages

    /// A command as its client sends it: bounds what one client can make all nodes apply at once.
    package static let maximumCommandSize = 4 * 1_048_576
    /// What a command's envelope adds at most: fixed part, token and two names.
    package static let maximumEnvelopeOverhead = 48 + 48 + 2 * 64
    /// A query as its client sends it: a few keys.
    package static let maximumQuerySize = 16_384
    /// An administration request, and the reply to it.
    package static let maximumAdministrationSize = 1_048_576
    /// The body of a whole message: the largest entry, and the message around it.
    package static let maximumFrameBody = Limits.maximumEntrySize + 65_536
    /// Larger messages are cut into pieces of this, so that a heartbeat waits behind one at most.
    package static let maximumPieceSize = 65_536
    /// Messages of which some pieces have come, per connection: bounds what a peer makes us hold.
    package static let maximumUnfinishedMessages = 4
    /// Numbers of nodes: as in the genesis file.
    package static let nodeNumbers: ClosedRange<UInt64> = 1...UInt64(Int32.max)
    /// A node's address, as `host:port`.
    package static let maximumAddressSize = 255
    /// A sentence for people.
    package static let maximumDetailSize = 1_024

    // MARK: Requests

    /// A request without a deadline of its own is given up after this.
    package static let defaultDeadlineMilliseconds: UInt32 = 5_000
    /// No request may occupy a node for longer.
    package static let maximumDeadlineMilliseconds: UInt32 = 60_000
    /// Requests on the way on one connection: as many as a session has slots.
    package static let maximumInFlightPerConnection = 1_024
    /// Requests on the way for one tenant, over all its connections to one node.
    package static let maximumInFlightPerTenant = 4_096
}
