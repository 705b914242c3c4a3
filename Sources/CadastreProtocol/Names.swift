/// The rules for names, each in one place.
package enum Names {
    /// A tenant's name: 1 to 64 bytes of `[a-z0-9._-]`.
    ///
    /// - Throws: `invalidName`.
    package static func checkTenant(_ name: [UInt8]) throws(ProtocolError) {
        try check(name, "the tenant's name")
    }

    /// A service's name: as a tenant's.
    ///
    /// - Throws: `invalidName`.
    package static func checkService(_ name: [UInt8]) throws(ProtocolError) {
        try check(name, "the service's name")
    }

    /// The name of a principal within its kind: as a tenant's.
    ///
    /// - Throws: `invalidName`.
    package static func checkPrincipal(_ name: [UInt8]) throws(ProtocolError) {
        try check(name, "the principal's name")
    }

    /// A bucket's name: 3 to 63 bytes of `[a-z0-9.-]`, first and last a letter or digit.
    ///
    /// - Throws: `invalidName`.
    package static func checkBucket(_ name: [UInt8]) throws(ProtocolError) {
        try checkBucket(name.span)
    }

    /// A bucket's name that lies elsewhere.
    static func checkBucket(_ name: Span<UInt8>) throws(ProtocolError) {
        guard ProtocolLimits.bucketNameSize.contains(name.count) else {
            throw .outOfBounds(
                .invalidName,
                "the bucket's name",
                name.count,
                ProtocolLimits.bucketNameSize
            )
        }
        guard isAlphanumeric(name[0]), isAlphanumeric(name[name.count - 1]) else {
            throw ProtocolError(
                .invalidName,
                "a bucket's name begins and ends with a lowercase letter or a digit"
            )
        }
        for place in name.indices {
            let byte = name[place]
            guard !isAlphanumeric(byte), byte != 0x2E, byte != 0x2D else { continue }
            throw ProtocolError(
                .invalidName,
                "a bucket's name is made of lowercase letters, digits, '.' and '-'"
            )
        }
    }

    /// An object's key: 1 to 1024 bytes, any.
    ///
    /// - Throws: `invalidKey`.
    package static func checkKey(_ key: [UInt8]) throws(ProtocolError) {
        try checkKey(size: key.count)
    }

    /// An object's key by its size, which is all that is asked of it.
    static func checkKey(size: Int) throws(ProtocolError) {
        guard ProtocolLimits.keySize.contains(size) else {
            throw .outOfBounds(.invalidKey, "the key", size, ProtocolLimits.keySize)
        }
    }

    private static func check(_ name: [UInt8], _ what: StaticString) throws(ProtocolError) {
        guard ProtocolLimits.nameSize.contains(name.count) else {
            throw .outOfBounds(.invalidName, what, name.count, ProtocolLimits.nameSize)
        }
        for byte in name
        where !isAlphanumeric(byte) && byte != 0x2E && byte != 0x5F && byte != 0x2D {
            throw ProtocolError(
                .invalidName,
                "\(what) is made of lowercase letters, digits, '.', '_' and '-'"
            )
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
