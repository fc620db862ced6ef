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

Invoke-Program 'netcfg.exe' @('-v', '-u', $Component)

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

if (Test-Verifier) {
    Invoke-Program 'verifier.exe' @('/reset') -Expected 0, 2
}
if (-not $KeepTestSigning) {
    Invoke-Program 'bcdedit.exe' @('/set', 'testsigning', 'off')
}
if (Get-Service -Name 'framecast' -ErrorAction SilentlyContinue) {
    throw 'the service framecast is still there'
}
Write-Host 'Removed. Restart to leave test signing and Driver Verifier.'
