#Requires -RunAsAdministrator
<#
.SYNOPSIS
Removes the driver and all that install.ps1 and verifier.ps1 changed.

.PARAMETER KeepTestSigning
Leaves test signing on, for the next package.
#>
[CmdletBinding()]
param([switch] $KeepTestSigning)
. (Join-Path $PSScriptRoot 'common.ps1')

if ((Get-DriverState) -ne 'missing') {
    # NETCFG_S_REBOOT, 0x4A020, says that the rest is done at the next start of Windows.
    Invoke-Program 'netcfg.exe' @('-v', '-u', $Component) -Expected 0, 0x4A020
}

# netcfg leaves the package in the driver store.
$driverStore = Get-WindowsDriver -Online |
    Where-Object { (Split-Path -Leaf $_.OriginalFileName) -eq 'framecast.inf' }
foreach ($stored in $driverStore) {
    Invoke-Program 'pnputil.exe' @('/delete-driver', $stored.Driver)
}

$file = Join-Path $Package 'framecast.cer'
$certificate = New-Object System.Security.Cryptography.X509Certificates.X509Certificate2 $file
foreach ($store in 'Root', 'TrustedPublisher') {
    $path = "Cert:\LocalMachine\$store\$($certificate.Thumbprint)"
    if (Test-Path $path) { Remove-Item $path }
}

if (Test-VerifierSetting) {
    Invoke-Program 'verifier.exe' @('/reset') -Expected 0, 2
}
if (-not $KeepTestSigning) {
    Set-TestSigning off
}
$state = Get-DriverState
if ($state -ne 'missing') {
    throw "the driver is still there ($state); restart, then run this script again"
}
Write-Host 'Removed. Restart to leave test signing and Driver Verifier.'
